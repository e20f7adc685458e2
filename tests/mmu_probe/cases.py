"""Random cases for the MMU probe, most of them near an edge of the translation algorithm.

Each case starts as a legal table for one address, with a target in the probe's arena, and then gets up to two
mutations: a bit flipped anywhere, a reserved encoding, a pointer where none may be, a table or page where no memory
is. PMP entries are laid on the borders of what the walk and the access touch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from gdbext.riscv.csrs import MENVCFG_ADUE, MENVCFG_PBMTE, SATP_ASID_SHIFT, SATP_MODE_SHIFT
from gdbext.riscv.paging import BARE, MODES, PAGE_SHIFT, PAGE_SIZE, PTE_SIZE, SV39, SV48, SV57, PagingMode
from gdbext.riscv.pte import PBMT_SHIFT, PPN_MASK, PPN_SHIFT, RESERVED_SHIFT, A, D, G, N, R, U, V, W, X
from gdbext.riscv.traps import Privilege
from tests.mmu_probe.driver import (
    ALLOW_ALL,
    ARENA_PA,
    MAILBOX_PA,
    PCI_WINDOW_PA,
    PMP_NA4,
    PMP_NAPOT,
    PMP_R,
    PMP_TOR,
    PMP_W,
    PMP_X,
    RAM_BASE,
    RAM_END_PA,
    ROUTINES_PA,
    TABLES_PA,
    Case,
    Features,
    PmpPair,
    ProbeAccess,
)

TABLE_PAGES = (ARENA_PA - TABLES_PA) // PAGE_SIZE
MODE_WEIGHTS = {BARE: 2, SV39: 50, SV48: 24, SV57: 24}
ACCESS_WEIGHTS = (3, 3, 1, 3)  # of load, store, AMO, fetch
LEGAL_PERMISSIONS = (R, R | W, X, R | X, R | W | X, R | W, R | W | X)
PMP_PERMISSIONS = (0, PMP_R, PMP_X, PMP_R | PMP_X, PMP_R | PMP_W, PMP_R | PMP_W | PMP_X)
PA_BITS = 56
# Where a flipped or forged PPN is sent: on either side of every border of the machine's memory map.
ELSEWHERE = (
    0,
    RAM_BASE - PAGE_SIZE,
    MAILBOX_PA,
    ROUTINES_PA - PAGE_SIZE,
    ROUTINES_PA,
    RAM_END_PA - PAGE_SIZE,
    RAM_END_PA,
    1 << 32,
    PCI_WINDOW_PA,
    1 << 40,
    (1 << PA_BITS) - PAGE_SIZE,
)


@dataclass
class Draft:
    """A table under construction: mutable, since every mutation changes one thing of it.

    `ptes` are [pte_pa, value] pairs from the root to the leaf, `extra` further words that no legal walk reads.
    """

    mode: PagingMode
    satp: int
    va: int
    pa: int
    ptes: list[list[int]]
    leaf_level: int
    extra: list[tuple[int, int]]


def iter_cases(seed: str, features: Features) -> Iterator[Case]:
    """Cases without end; the same seed and features give the same ones."""
    random = Random(seed)
    modes = [mode for mode in MODES if mode.satp_mode in features.satp_modes]
    weights = [MODE_WEIGHTS[mode] for mode in modes]
    while True:
        mode = random.choices(modes, weights)[0]
        draft = make_bare(random) if mode is BARE else make_legal(random, mode)
        for _ in range(random.choices((0, 1, 2), (30, 60, 10))[0]):
            random.choices(MUTATIONS, MUTATION_WEIGHTS)[0](random, draft)
        yield finish(random, draft, features)


def random_target(random: Random) -> int:
    """A pa, aligned to 8, that a legal leaf may map: mostly in the arena, and often at the border of a page."""
    kind = random.random()
    if kind < 0.92:
        page = random.randrange(ARENA_PA, RAM_END_PA, PAGE_SIZE)
    elif kind < 0.95:
        page = random.choice((ARENA_PA, RAM_END_PA - PAGE_SIZE))
    else:
        page = random.randrange(TABLES_PA, ARENA_PA, PAGE_SIZE)
    offset = random.choice((0, PAGE_SIZE - 8, random.randrange(0, PAGE_SIZE, 8)))
    return page + offset


def make_bare(random: Random) -> Draft:
    """No translation: the va is the pa."""
    pa = random_target(random)
    return Draft(BARE, 0, pa, pa, [], 0, [])


def make_legal(random: Random, mode: PagingMode) -> Draft:
    """A legal tree for one address, its leaf at any level."""
    pa = random_target(random)
    leaf_level = 0 if random.random() < 0.6 else random.randrange(mode.levels)
    napot = leaf_level == 0 and random.random() < 0.1
    size = 16 * PAGE_SIZE if napot else mode.page_size(leaf_level)
    va = mode.sign_extend(random.getrandbits(mode.va_bits) & ~(size - 1) | pa & (size - 1))
    tables = [TABLES_PA + page * PAGE_SIZE for page in random.sample(range(TABLE_PAGES), mode.levels - leaf_level)]
    ptes: list[list[int]] = []
    for depth, table in enumerate(tables):
        level = mode.root_level - depth
        pte_pa = table + mode.vpn(va, level) * PTE_SIZE
        if level > leaf_level:
            ptes.append([pte_pa, tables[depth + 1] >> PAGE_SHIFT << PPN_SHIFT | V])
            continue
        value = (pa & ~(size - 1)) >> PAGE_SHIFT << PPN_SHIFT | random_flags(random)
        if napot:
            value |= N | 0b1000 << PPN_SHIFT
        ptes.append([pte_pa, value])
    satp = mode.satp_mode << SATP_MODE_SHIFT | tables[0] >> PAGE_SHIFT
    if random.random() < 0.3:
        satp |= random.getrandbits(16) << SATP_ASID_SHIFT
    return Draft(mode, satp, va, pa, ptes, leaf_level, [])


def random_flags(random: Random) -> int:
    """Flags of a legal leaf: V and everything else that a kernel may choose, A and D mostly set."""
    chance = random.random
    flags = V | random.choice(LEGAL_PERMISSIONS)
    flags |= U if chance() < 0.5 else 0
    flags |= A if chance() < 0.75 else 0
    flags |= D if chance() < 0.65 else 0
    flags |= G if chance() < 0.2 else 0
    flags |= random.getrandbits(2) << 8
    if chance() < 0.06:
        flags |= random.choice((1, 2)) << PBMT_SHIFT
    return flags


# Mutations. Those that need a PTE leave a Bare draft alone.


def flip_pte_bit(random: Random, draft: Draft) -> None:
    if draft.ptes:
        random.choice(draft.ptes)[1] ^= 1 << random.randrange(64)


def flip_va_bit(random: Random, draft: Draft) -> None:
    # Alignment is not the page tables' business: an access stays within 8 aligned bytes.
    draft.va ^= 1 << random.randrange(3, 64)


def flip_satp_bit(random: Random, draft: Draft) -> None:
    draft.satp ^= 1 << random.randrange(64)


def forge_top_of_va(random: Random, draft: Draft) -> None:
    low = draft.va & (1 << (draft.mode.va_bits or PA_BITS)) - 1
    draft.va = low | random.getrandbits(64) & ~((1 << (draft.mode.va_bits or PA_BITS)) - 1)


def forge_encoding(random: Random, draft: Draft) -> None:
    """One of the encodings that are reserved, or depend on an extension, on any PTE of the path."""
    if not draft.ptes:
        return
    pte = random.choice(draft.ptes)
    kind = random.randrange(7)
    if kind == 0:
        pte[1] = pte[1] & ~R | W
    elif kind == 1:
        pte[1] |= 1 << random.randrange(RESERVED_SHIFT, PBMT_SHIFT)
    elif kind == 2:
        pte[1] |= random.choice((1, 2, 3)) << PBMT_SHIFT
    elif kind == 3:
        pte[1] |= N
    elif kind == 4:
        pte[1] = pte[1] & ~(0b1111 << PPN_SHIFT) | N | random.getrandbits(4) << PPN_SHIFT
    elif kind == 5:
        pte[1] = pte[1] & ~(0b1111 << PPN_SHIFT) | N | 0b1000 << PPN_SHIFT
    else:
        pte[1] |= random.choice((A, D, U))


def forge_non_leaf(random: Random, draft: Draft) -> None:
    """A, D or U on a pointer; where the path has none, on whatever there is."""
    if draft.ptes:
        random.choice(draft.ptes[:-1] or draft.ptes)[1] |= random.choice((A, D, U, A | D, A | D | U))


def point_at_level_0(random: Random, draft: Draft) -> None:
    """The last PTE points on, to a table whose entry would be a fine leaf if there were one more level."""
    if not draft.ptes:
        return
    table = TABLES_PA + random.randrange(TABLE_PAGES) * PAGE_SIZE
    draft.ptes[-1][1] = table >> PAGE_SHIFT << PPN_SHIFT | V
    index = draft.mode.vpn(draft.va, max(draft.leaf_level - 1, 0))
    leaf = draft.pa >> PAGE_SHIFT << PPN_SHIFT | random_flags(random)
    draft.extra.append((table + index * PTE_SIZE, leaf))


def misalign_leaf(random: Random, draft: Draft) -> None:
    """Low PPN bits of the leaf: one too low for a superpage, or for a 4K page simply another page."""
    if draft.ptes:
        draft.ptes[-1][1] |= 1 << (PPN_SHIFT + random.randrange(max(9 * draft.leaf_level, 1)))


def move_elsewhere(random: Random, draft: Draft) -> None:
    """A table or the page lies at a border of the memory map, or anywhere in the physical address space."""
    pa = random.choice(ELSEWHERE) if random.random() < 0.7 else random.getrandbits(PA_BITS)
    if not draft.ptes:
        draft.va = pa & ~7
        return
    pte = random.choice(draft.ptes)
    pte[1] = pte[1] & ~PPN_MASK | pa >> PAGE_SHIFT << PPN_SHIFT


def forge_pte(random: Random, draft: Draft) -> None:
    if draft.ptes:
        random.choice(draft.ptes)[1] = random.getrandbits(64) | random.getrandbits(1)


def refer_to_itself(random: Random, draft: Draft) -> None:
    """A PTE of the path points to its own table, and the address goes through it again and again."""
    if not draft.ptes:
        return
    depth = random.randrange(len(draft.ptes))
    pte_pa, _ = draft.ptes[depth]
    draft.ptes[depth][1] = pte_pa >> PAGE_SHIFT << PPN_SHIFT | V
    index = pte_pa % PAGE_SIZE // PTE_SIZE
    for level in range(draft.mode.root_level - depth):
        shift = PAGE_SHIFT + 9 * level
        draft.va = draft.va & ~(0x1FF << shift) | index << shift


MUTATIONS: tuple[Callable[[Random, Draft], None], ...] = (
    flip_pte_bit,
    flip_va_bit,
    flip_satp_bit,
    forge_top_of_va,
    forge_encoding,
    forge_non_leaf,
    point_at_level_0,
    misalign_leaf,
    move_elsewhere,
    forge_pte,
    refer_to_itself,
)
MUTATION_WEIGHTS = (30, 10, 4, 3, 18, 5, 5, 6, 12, 4, 3)


def finish(random: Random, draft: Draft, features: Features) -> Case:
    """The access, the status bits, PMP and the mapping of the routine that a draft still lacks."""
    access, privilege = random_access(random, draft)
    if access is ProbeAccess.FETCH and may_fetch_tables(draft):
        access = ProbeAccess.LOAD
    mprv = access is not ProbeAccess.FETCH and random.random() < 0.5
    pokes = [(pte_pa, value) for pte_pa, value in draft.ptes] + draft.extra
    routine_va = ROUTINES_PA
    if access is not ProbeAccess.FETCH and not mprv and draft.mode is not BARE:
        routine_va = map_routines(random, draft, privilege, pokes)
    pmp = random_pmp(random, draft) if random.random() < 0.25 else (ALLOW_ALL,)
    menvcfg = 0
    if features.menvcfg_mask is not None:
        menvcfg |= MENVCFG_PBMTE if random.random() < 0.75 else 0
        menvcfg |= MENVCFG_ADUE if random.random() < 0.5 else 0
        menvcfg &= features.menvcfg_mask
    return Case(
        satp=draft.satp,
        va=draft.va,
        access=access,
        privilege=privilege,
        width=8 if random.random() < 0.7 else 4,
        mprv=mprv,
        sum_bit=random.random() < 0.5,
        mxr=random.random() < 0.5,
        menvcfg=menvcfg,
        routine_va=routine_va,
        hint_pa=draft.pa,
        pmp=pmp,
        pokes=tuple(pokes),
    )


def random_access(random: Random, draft: Draft) -> tuple[ProbeAccess, Privilege]:
    """An access and the privilege it is made from; every other time such as the leaf's permissions allow."""
    if not draft.ptes or random.random() < 0.5:
        return random.choices(tuple(ProbeAccess), ACCESS_WEIGHTS)[0], random.choice((Privilege.S, Privilege.U))
    flags = draft.ptes[-1][1]
    fitting = [ProbeAccess.LOAD] if flags & R else []
    fitting += [ProbeAccess.STORE, random.choice((ProbeAccess.STORE, ProbeAccess.AMO))] if flags & W else []
    fitting += [ProbeAccess.FETCH] if flags & X else []
    return random.choice(fitting or [ProbeAccess.LOAD]), Privilege.U if flags & U else Privilege.S


def may_fetch_tables(draft: Draft) -> bool:
    """Whether a PTE of the draft, as a leaf of any level, takes the va into the pages of the tables.

    What lies there is no code, and running it would say nothing.
    """
    if draft.mode is BARE:
        return TABLES_PA <= draft.va < ARENA_PA
    for _, value in [*draft.ptes, *draft.extra]:
        if value & X:
            page = (value & PPN_MASK) >> PPN_SHIFT << PAGE_SHIFT
            for bits in (12, 16, 21, 30, 39, 48):
                size_mask = (1 << bits) - 1
                if TABLES_PA <= (page & ~size_mask | draft.va & size_mask) < ARENA_PA:
                    return True
    return False


def map_routines(random: Random, draft: Draft, privilege: Privilege, pokes: list[tuple[int, int]]) -> int:
    """Map the access routines by a superpage in a free entry of the root table; returns their va."""
    mode = draft.mode
    root = draft.ptes[0][0] & ~(PAGE_SIZE - 1)
    taken = {pte_pa for pte_pa, _ in pokes}
    taken.add(root + mode.vpn(draft.va, mode.root_level) * PTE_SIZE)
    index = random.randrange(512)
    while root + index * PTE_SIZE in taken:
        index = (index + 1) % 512
    size_mask = mode.page_size(mode.root_level) - 1
    flags = V | X | A | D | (U if privilege is Privilege.U else 0)
    pokes.append((root + index * PTE_SIZE, (ROUTINES_PA & ~size_mask) >> PAGE_SHIFT << PPN_SHIFT | flags))
    return mode.sign_extend(index * (size_mask + 1) | ROUTINES_PA & size_mask)


def random_pmp(random: Random, draft: Draft) -> tuple[PmpPair, ...]:
    """PMP entries with their borders on, beside and across a PTE of the path or the word of the access."""
    pivots = [pte_pa for pte_pa, _ in draft.ptes]
    pivots += [draft.pa] * max(len(pivots), 1)
    entries: list[PmpPair] = []
    for _ in range(random.choice((1, 1, 2, 3))):
        pivot = random.choice(pivots)
        near = random.choice((pivot, pivot & ~(PAGE_SIZE - 1), (pivot | PAGE_SIZE - 1) + 1))
        near += random.choice((-8, -4, 0, 0, 0, 4, 8))
        cfg = random.choice(PMP_PERMISSIONS)
        kind = random.randrange(3)
        if kind == 0:
            entries.append((cfg | PMP_NA4, near >> 2))
        elif kind == 1:
            size = random.choice((8, 16, 64, PAGE_SIZE, 2 * PAGE_SIZE, 1 << 21))
            entries.append((cfg | PMP_NAPOT, (near & ~(size - 1)) >> 2 | (size >> 3) - 1))
        else:
            length = random.choice((-4, 0, 4, 8, 16, PAGE_SIZE, 2 * PAGE_SIZE))
            entries.append((0, near >> 2))
            entries.append((cfg | PMP_TOR, (near + length) >> 2))
    if random.random() < 0.9:
        entries.append(ALLOW_ALL)
    return tuple(entries)
