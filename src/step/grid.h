/* Geometry of grids of cells, shared by the steps that tile and split. */
#ifndef STEP_GRID_H
#define STEP_GRID_H

#include "step/step.h"

/* As the parameter checks it. */
enum { STEP_GRID_CELLS_MAX = 16 };

struct step_grid {
    int columns, rows;
};

/* Reads the parameter `grid_pattern` of the run. ERR_INVALID. */
int step_grid_read(const struct step_run *run, struct step_grid *ret_grid, struct err *err);

/* Cell `index` of `count` along a side that holds them and `gap` between them; the sizes differ by
 * a pixel at most, the cells and gaps fill the side. The side must hold a pixel for every cell. */
void step_grid_cell(int side, int count, int gap, int index, int *ret_from, int *ret_size);

#endif
