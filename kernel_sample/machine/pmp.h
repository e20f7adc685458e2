#ifndef PMP_H
#define PMP_H

void protect_memory(void);

#endif
