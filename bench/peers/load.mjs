// Keeps a number of workflows in flight for a time: reads "SECONDS IN_FLIGHT" lines, answers "done RATE MEDIAN_MS COUNT".
import {createInterface} from 'node:readline';

async function load(run, seconds, inFlight) {
  const latencies = [];
  const start = performance.now();
  const end = start + seconds * 1000;
  await Promise.all(Array.from({length: inFlight}, async () => {
    while (performance.now() < end) {
      const began = performance.now();
      await run();
      latencies.push(performance.now() - began);
    }
  }));
  const took = (performance.now() - start) / 1000;
  latencies.sort((a, b) => a - b);
  return [latencies.length / took, latencies[latencies.length >> 1], latencies.length];
}

export async function serveLoads(run) {
  console.log('ready');
  for await (const line of createInterface({input: process.stdin})) {
    const [seconds, inFlight] = line.split(' ').map(Number);
    console.log('done', ...await load(run, seconds, inFlight));
  }
  process.exit(0);
}
