/** The least that a function app can do with a request: what the host itself costs. */
import { app } from '@azure/functions';

// As the broker: what is compared is the work, not the way that bodies travel.
app.setup({ enableHttpStream: true });

app.http('empty', {
  route: 'empty',
  methods: ['POST'],
  authLevel: 'anonymous',
  handler: async () => ({ status: 200, jsonBody: {} }),
});
