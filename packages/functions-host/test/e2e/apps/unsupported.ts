/** Bindings that the host does not have, and an orchestrator that fails as durable-functions 3.2 does on Node.js 24. */
import { app, input, output } from '@azure/functions';

const blob = input.storageBlob({ path: 'in/file.txt', connection: 'AzureWebJobsStorage' });
const queue = output.storageQueue({ queueName: 'out', connection: 'AzureWebJobsStorage' });

app.http('copies', { methods: ['GET'], extraInputs: [blob], extraOutputs: [queue], handler: () => ({ body: 'done' }) });
app.storageQueue('listens', { queueName: 'in', connection: 'AzureWebJobsStorage', handler: () => undefined });
app.generic('old', {
  trigger: { type: 'orchestrationTrigger', name: 'context' },
  handler: () => {
    throw new TypeError('util_1.isDate is not a function');
  },
});
