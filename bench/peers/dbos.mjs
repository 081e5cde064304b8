// Three steps that do nothing, one after the other, as a workflow of DBOS. dbos.mjs POSTGRES_PORT
import {DBOS} from '@dbos-inc/dbos-sdk';
import {serveLoads} from './load.mjs';

async function step(prompt) {
  return prompt;
}

const workflow = DBOS.registerWorkflow(async (prompt) => {
  const one = await DBOS.runStep(() => step(prompt), {name: 'one'});
  const two = await DBOS.runStep(() => step(one), {name: 'two'});
  return await DBOS.runStep(() => step(two), {name: 'three'});
}, {name: 'three-steps'});

DBOS.setConfig({
  name: 'bench',
  systemDatabaseUrl: `postgresql://postgres@127.0.0.1:${process.argv[2]}/bench_dbos`,
  runAdminServer: false,
  logLevel: 'error',
});
await DBOS.launch();
await serveLoads(async () => {
  const handle = await DBOS.startWorkflow(workflow)('A paper boat');
  await handle.getResult();
});
