/*
 * The HTTP API: routes, keys, checks, the shape of answers. Handlers are in ep_NOUN.c, a row each in endpoints.def.
 */
#ifndef API_API_H
#define API_API_H

#include "base/err.h"
#include "base/pack.h"
#include "blob/blob.h"
#include "engine/engine.h"
#include "http/http.h"
#include "plan/plan.h"
#include "store/store.h"

struct api;

struct api_settings {
    struct store *store; /* all borrowed */
    struct blob_store *blobs;
    struct engine *engine;
    const struct plan_catalog *catalog;
    const char *media_secret;
    const char *metrics_key; /* /metrics needs it; NULL: no key */
    const struct pack *pack; /* with the files of /docs; NULL: there are none */
    /* base of media URLs without a slash at the end; NULL: the request's Host */
    const char *public_url;
    struct http_settings http;
    uint64_t json_bytes_max;  /* of a request body */
    uint64_t asset_bytes_max; /* of an uploaded file */
    int media_url_life_s;
    int waits_max; /* requests that wait for a workflow or listen to one at the same time */
    int waits_per_key;
    int rate;                   /* requests a second of a key */
    int rate_burst;             /* and how many at once */
    int64_t in_flight;          /* workflows of a key that have not ended */
    uint64_t storage_bytes_max; /* of a customer; 0: any */
};

/* Starts to listen. Before the store's first write, for the subscription. */
int api_new(const struct api_settings *settings, struct api **ret_api, struct err *err);
int api_port(const struct api *api);
/* Takes no new connection and answers everybody who waits. */
void api_quiesce(struct api *api);
/* Takes no new request: from now on the API asks nothing of the engine and the store but by what they answer. */
void api_stop(struct api *api);
void api_free(struct api *api); /* after api_quiesce(); NULL allowed */

#endif
