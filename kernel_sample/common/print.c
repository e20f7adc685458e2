/* A printf that is just large enough for the kernel's messages. */
#include "print.h"

#include <stdarg.h>
#include <stdint.h>

#include "uart.h"

static void print_text(const char *text)
{
    while (*text)
        uart_put(*text++);
}

static void print_number(uint64_t value, unsigned base)
{
    char digits[20];
    unsigned count = 0;

    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    while (count)
        uart_put(digits[--count]);
}

/*
 * Print to the UART, in M-mode or S-mode.
 * format: %s (string), %lu and %lx (64-bit, the latter without "0x"), %% (a percent sign); nothing else is known.
 */
void print(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    for (; *format; format++) {
        if (*format != '%') {
            uart_put(*format);
            continue;
        }
        format++;
        if (*format == 'l')
            format++;
        if (*format == 's')
            print_text(va_arg(arguments, const char *));
        else if (*format == 'u')
            print_number(va_arg(arguments, uint64_t), 10);
        else if (*format == 'x')
            print_number(va_arg(arguments, uint64_t), 16);
        else
            uart_put(*format);
    }
    va_end(arguments);
}
