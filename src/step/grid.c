#include "step/grid.h"

#include <stdio.h>

int step_grid_read(const struct step_run *run, struct step_grid *ret_grid, struct err *err)
{
    const char *text = step_run_text(run, "grid_pattern");
    if (!text || sscanf(text, "%dx%d", &ret_grid->columns, &ret_grid->rows) != 2 ||
        ret_grid->columns < 1 || ret_grid->rows < 1 ||
        ret_grid->columns > STEP_GRID_CELLS_MAX / ret_grid->rows)
        return err_set(err, ERR_INVALID, "/grid_pattern", "The grid is written as WxH.");
    return 0;
}

void step_grid_cell(int side, int count, int gap, int index, int *ret_from, int *ret_size)
{
    int cells = side - (count - 1) * gap;
    int from = (int)((int64_t)cells * index / count);
    *ret_from = from + index * gap;
    *ret_size = (int)((int64_t)cells * (index + 1) / count) - from;
}
