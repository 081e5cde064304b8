// The least a fastify application does for the same request: find the key, find the object, send its text.
// fastify.mjs PORT KEY FILE
import {readFileSync} from 'node:fs';
import fastify from 'fastify';

const [port, key, file] = process.argv.slice(2);
const object = readFileSync(file, 'utf8');
const keys = new Map([[key, 'default']]);
const objects = new Map([[JSON.parse(object).data.id, object]]);
const app = fastify();

app.addHook('onRequest', async (request, reply) => {
  request.customer = keys.get(request.headers['x-api-key']);
  if (!request.customer) return reply.code(401).send({message: 'UNAUTHORIZED'});
});
app.get('/v2/workflow/:id', (request, reply) => {
  const text = objects.get(request.params.id);
  if (!text) return reply.code(404).send({message: 'NOT_FOUND'});
  reply.type('application/json').send(text);
});
await app.listen({host: '127.0.0.1', port: Number(port)});
