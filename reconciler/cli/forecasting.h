/* forecasting.h: what a plan leads to, as the commands that plan show it.
 * Owns:   everything in Forecasting.
 * Calls:  ports.h (Host), cli/planning, forecast/. */
#pragma once
#include "reconciler/cli/planning.h"
#include "reconciler/ports.h"

typedef struct {
    Outlook *outlook;      /* NULL: none was made */
    GPtrArray *violations; /* of Violation; NULL or empty: every assertion holds */
    const char **assertions;
    Plan *whole;       /* what was forecast in place of a plan against a snapshot; NULL: the plan itself */
    char *inputs;      /* of that */
    PlanForecast plan; /* borrows from here */
} Forecasting;

/* A snapshot holds no jobs and only digests of specs: against one, the forecast is of everything that the
 * source declares, with the runs that are new, as if nothing else were there; and says so. A forecast that
 * cannot be made is told on stderr and left out: the plan stands without it. An empty plan has none, unless
 * queues assert something. ret must live where it is. */
void forecasting_make(const Host *host, const Planning *planning, const char *state_dir, const char *provider,
                      Forecasting *ret_forecasting);
void forecasting_clear(Forecasting *forecasting);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Forecasting, forecasting_clear)
/* Whether queues of the plan's source assert anything: then a plan is not whole without its forecast. */
bool forecasting_is_asserted(const Planning *planning);
/* For PlanRender.forecast; NULL: none. */
const PlanForecast *forecasting_plan(const Forecasting *forecasting);
/* EXIT_OK, or EXIT_REFUSED where an assertion fails. */
int forecasting_exit_code(const Forecasting *forecasting);
