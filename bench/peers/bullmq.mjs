// Three steps that do nothing, one after the other, as a flow of BullMQ; the steps run in a second process. bullmq.mjs REDIS_PORT
import {fork} from 'node:child_process';
import {once} from 'node:events';
import {FlowProducer, QueueEvents, Worker} from 'bullmq';
import {serveLoads} from './load.mjs';

const port = Number(process.argv[2]);
const connection = {host: '127.0.0.1', port, maxRetriesPerRequest: null};
const queueName = 'bench';

if (process.argv[3] === 'worker') {
  const worker = new Worker(queueName, async (job) => ({text: job.data.prompt}), {connection, concurrency: 64});
  await worker.waitUntilReady();
  process.send('ready');
  process.on('disconnect', () => process.exit(0));
} else {
  const worker = fork(process.argv[1], [port, 'worker']);
  await once(worker, 'message');
  const flows = new FlowProducer({connection});
  const events = new QueueEvents(queueName, {connection});
  events.setMaxListeners(0);
  await events.waitUntilReady();
  const data = {prompt: 'A paper boat'};
  const opts = {removeOnComplete: 1000};
  await serveLoads(async () => {
    const flow = await flows.add({
      name: 'three', queueName, data, opts,
      children: [{name: 'two', queueName, data, opts, children: [{name: 'one', queueName, data, opts}]}],
    });
    await flow.job.waitUntilFinished(events);
  });
}
