/* A template with every kind of dependency. */
#ifndef TEST_PLAN_GRAPH_H
#define TEST_PLAN_GRAPH_H

static const char graph[] =
    "{'id': 't', 'available_options': ["
    "  {'key': 'name', 'component': 'text', 'default': 'Ada'},"
    "  {'key': 'video', 'component': 'toggle', 'default': false},"
    "  {'key': 'grid', 'component': 'text'},"
    "  {'key': 'places', 'component': 'list', 'default': ['Rome', 'Oslo']}],"
    "'steps': ["
    "  {'id': 'text', 'flow': 'chat', 'params': {'prompt': 'For {{options.name}}'}, 'local': {'n': "
    "'{{options.name}}'}},"
    "  {'id': 'film', 'flow': 'publish_video_with_logo', 'when': 'options.video',"
    "   'params': {'video_url': '{{steps.text.url}}'}},"
    "  {'id': 'after', 'flow': 'chat', 'needs': ['film']},"
    "  {'id': 'either', 'flow': 'chat', 'params': {'prompt': '{{steps.film.url ?? steps.text.text "
    "?? `none`}}'}},"
    "  {'id': 'each', 'flow': 'chat', 'for_each': '{{options.places}}',"
    "   'params': {'prompt': '{{index}}: {{item}} with {{steps.text.text}}'}},"
    "  {'id': 'told', 'flow': 'chat', 'when': 'steps.text.status == `skipped`'},"
    "  {'id': 'tile', 'flow': 'tile_grid_videos',"
    "   'params': {'video_urls': ['{{steps.text.url}}'], 'grid_pattern': '{{options.grid}}'}}],"
    "'outputs': [{'step': 'film'}, {'step': 'each'}, {'step': 'either', 'when': "
    "'!options.video'}]}";

#endif
