/* Prints what trials gave: a table for people, CSV, JSON. Knows names and units, runs nothing. */
#ifndef PP_SIM_TABLE_H
#define PP_SIM_TABLE_H

#include <sim/children.h>
#include <stdio.h>

enum table_form { TABLE_TEXT, TABLE_CSV, TABLE_JSON };

void table_print(FILE *out, enum table_form form, const struct trial_setup *setup,
                 const struct child *children, size_t n);

#endif
