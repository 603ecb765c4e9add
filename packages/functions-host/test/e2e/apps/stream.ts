/** HTTP functions with streaming enabled. */
import { Readable } from 'node:stream';
import { app } from '@azure/functions';

app.setup({ enableHttpStream: true });

async function* upperCase(chunks: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  for await (const chunk of chunks) yield Buffer.from(chunk).toString().toUpperCase();
}

app.http('upper', {
  methods: ['POST'],
  route: 'upper/{who}',
  handler: (request) => ({
    headers: { 'x-who': request.params['who'] ?? '' },
    body: Readable.from(upperCase(request.body as unknown as AsyncIterable<Uint8Array>)),
  }),
});
app.http('collect', { methods: ['POST'], handler: async (request) => ({ body: await request.text() }) });
app.http('nothing', { methods: ['GET'], handler: () => undefined as never });
app.http('throws', {
  methods: ['GET'],
  handler: () => {
    throw new Error('a failing handler');
  },
});

async function* breaking(): AsyncIterable<string> {
  yield 'first';
  throw new Error('the source broke');
}
app.http('broken', { methods: ['GET'], handler: () => ({ body: Readable.from(breaking()) }) });
app.http('params', {
  methods: ['GET', 'POST'],
  route: 'params/{id}',
  handler: async (request) => ({ jsonBody: { params: request.params, body: await request.text() } }),
});
