/*
 * Helpers for the .def tables: ROW(...) lists that are included repeatedly to make enums, arrays and
 * declarations. Included last-minute by the files that expand a table.
 */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#define TABLE_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define TABLE_STRING_(x) #x
#define TABLE_STRING(x) TABLE_STRING_(x)

#endif
