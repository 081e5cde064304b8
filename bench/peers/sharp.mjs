// Stills with sharp, in a process that stays: reads a JSON job a line, answers "done".
// {"grid": [FILE x 4], "out": FILE} or {"split": FILE, "out": PREFIX, "trim"}; with "quality", "width", "height" of the whole
import {createInterface} from 'node:readline';
import sharp from 'sharp';

sharp.cache(false);

async function grid({grid, out, width, height, quality}) {
  const cell = {width: width / 2, height: height / 2};
  const cells = await Promise.all(grid.map(async (file, index) => ({
    input: await sharp(file).resize(cell.width, cell.height).raw().toBuffer(),
    raw: {...cell, channels: 3},
    left: (index % 2) * cell.width,
    top: Math.floor(index / 2) * cell.height,
  })));
  await sharp({create: {width, height, channels: 3, background: '#fff'}})
    .composite(cells).jpeg({quality}).toFile(out);
}

async function split({split, out, width, height, quality, trim}) {
  const [w, h] = [width / 2, height / 2];
  await Promise.all([0, 1, 2, 3].map((index) => sharp(split)
    .extract({left: (index % 2) * w + trim, top: Math.floor(index / 2) * h + trim, width: w - 2 * trim, height: h - 2 * trim})
    .jpeg({quality}).toFile(`${out}-${index}.jpg`)));
}

console.log('ready');
for await (const line of createInterface({input: process.stdin})) {
  const job = JSON.parse(line);
  await (job.grid ? grid(job) : split(job));
  console.log('done');
}
