#include "engine/internal.h"

static void errand_deliver(struct engine *engine, struct letter *letter)
{
    struct errand *errand = (struct errand *)letter;
    errand->done(engine, errand);
}

static void *blocking_main(void *context)
{
    struct engine *engine = context;
    pthread_mutex_lock(&engine->errand_lock);
    for (;;) {
        while (!engine->errand_first && !engine->errands_end)
            pthread_cond_wait(&engine->errand_ready, &engine->errand_lock);
        struct errand *errand = engine->errand_first;
        if (!errand)
            break;
        engine->errand_first = errand->next;
        if (!engine->errand_first)
            engine->errand_last = NULL;
        pthread_mutex_unlock(&engine->errand_lock);
        errand->work(engine, errand);
        errand->letter.deliver = errand_deliver;
        engine_post(engine, &errand->letter);
        pthread_mutex_lock(&engine->errand_lock);
    }
    pthread_mutex_unlock(&engine->errand_lock);
    return NULL;
}

void engine_run_errand(struct engine *engine, struct errand *errand)
{
    errand->next = NULL;
    pthread_mutex_lock(&engine->errand_lock);
    if (engine->errand_last)
        engine->errand_last->next = errand;
    else
        engine->errand_first = errand;
    engine->errand_last = errand;
    pthread_cond_signal(&engine->errand_ready);
    pthread_mutex_unlock(&engine->errand_lock);
}

int blocking_start(struct engine *engine, struct err *err)
{
    pthread_mutex_init(&engine->errand_lock, NULL);
    pthread_cond_init(&engine->errand_ready, NULL);
    if (pthread_create(&engine->blocking_thread, NULL, blocking_main, engine) == 0)
        return 0;
    pthread_mutex_destroy(&engine->errand_lock);
    pthread_cond_destroy(&engine->errand_ready);
    return err_set(err, ERR_UNAVAILABLE, NULL, "The publishing thread could not be started.");
}

void blocking_stop(struct engine *engine)
{
    pthread_mutex_lock(&engine->errand_lock);
    engine->errands_end = true;
    pthread_cond_signal(&engine->errand_ready);
    pthread_mutex_unlock(&engine->errand_lock);
    pthread_join(engine->blocking_thread, NULL);
    pthread_mutex_destroy(&engine->errand_lock);
    pthread_cond_destroy(&engine->errand_ready);
}
