/* The virt machine's 16550 UART, polled. Its page is mapped to itself, so both modes use the same code. */
#include "uart.h"

#include <stdint.h>

#include "memory.h"

enum { TRANSMIT_HOLDING = 0, LINE_STATUS = 5 };
enum { TRANSMIT_EMPTY = 1 << 5 };

/* Send one character, waiting until the UART takes it. */
void uart_put(char character)
{
    volatile uint8_t *uart = (volatile uint8_t *)UART_PA;

    while (!(uart[LINE_STATUS] & TRANSMIT_EMPTY))
        ;
    uart[TRANSMIT_HOLDING] = (uint8_t)character;
}
