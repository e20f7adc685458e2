#ifndef LOCK_H
#define LOCK_H

void lock_tables(void);
void unlock_tables(void);
void pass_race_window(void);

#endif
