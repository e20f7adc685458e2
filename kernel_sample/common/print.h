#ifndef PRINT_H
#define PRINT_H

__attribute__((format(printf, 1, 2))) void print(const char *format, ...);

#endif
