/* What a job would take on a device, by the cost model. Private to session/. */
#ifndef GP_SESSION_PREDICT_H
#define GP_SESSION_PREDICT_H

#include "plan/choose.h"
#include "stream/survey.h"

typedef struct gp_prediction {
    bool made;
    gp_survey survey;
    gp_cost cost;       /* of all */
    gp_cost *pass;      /* per pass */
    bool computing;     /* kernels wait less for memory than they compute */
    bool calibrated;    /* by figures that were measured, not guessed */
    bool no_thread;     /* the thread that submits the job runs it: another would take longer to start */
    bool used;          /* the device has work in some pass; the CPU always */
    bool *on_device;    /* per pass: not on the CPU */
    char why_not[256];  /* why the CPU does a pass, or "" */
    /* Per pass: threads, slots and chunks that the model chose, which `survey` has already, and what it says of the
     * rule's. NULL, both: all goes by rule. */
    gp_choice *choice;
    gp_chosen *way;
    double one_thread_ns, all_threads_ns; /* the wall with one thread of the CPU, and with any number */
} gp_prediction;

/* `device`: NULL is the CPU. Free with gp_prediction_free. */
gpuproc_status gp_predict(gpuproc_job *job, gp_device *device, gp_prediction *prediction, gpuproc_error *err);
void gp_prediction_free(gp_prediction *prediction);

/* Chooses for every pass of p->survey, which is by rule; *any: something else than that (choose_way.c). */
gpuproc_status gp_choose_ways(const gpuproc_job *job, const gp_cost_machine *machine, const gp_device_rates *device,
                              gp_prediction *prediction, bool *any, gpuproc_error *err);
/* Whether arrays and results are in memory and the CPU does all of it, so that the thread that submits the job could run it. */
bool gp_job_waits_for_nothing(const gpuproc_job *job, const gp_prediction *prediction);
/* Why so, in half a sentence; "": it is as the rule has it. `all`: threads that there are. */
void gp_way_text(const gp_prediction *prediction, size_t pass, unsigned all, char text[160]);

/* The wall time of the same job with `scale` times as many elements. */
double gp_predict_scaled(gpuproc_job *job, gp_device *device, const gp_prediction *prediction, double scale);

/* One sentence why `best` was taken, where `other` (or NULL) is the fastest of those that were not. */
void gp_predict_reason(const gpuproc_job *job, const gp_device *best, const gp_prediction *prediction,
                       const gp_device *other, const gp_prediction *others, char reason[256]);

#endif
