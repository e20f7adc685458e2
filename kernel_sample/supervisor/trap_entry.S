        .section .text

        /*
         * The hart jumps here through stvec, in S-mode, on an exception that M-mode delegates: illegal instruction,
         * breakpoint, misaligned access. Nothing goes back from here, so nothing is saved.
         */
        .global supervisor_trap_entry
        .balign 4
supervisor_trap_entry:
        tail supervisor_trap
