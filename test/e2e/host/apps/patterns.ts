/** Orchestrations after the patterns of Microsoft's documentation, written as an outside app would write them. */
import { app, type HttpRequest, type HttpResponseInit, type InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';

type Context = df.OrchestrationContext;

df.app.activity('hello', { handler: (city: string) => `Hello ${city}` });
df.app.activity('double', { handler: (value: number) => value * 2 });

df.app.orchestration('chaining', function* (context: Context) {
  const greetings: string[] = [];
  for (const city of ['Tokyo', 'Seattle', 'London']) greetings.push(yield context.df.callActivity('hello', city));
  return greetings;
});

df.app.orchestration('fanOut', function* (context: Context) {
  const count = context.df.getInput<number>();
  const tasks = Array.from({ length: count }, (_, index) => context.df.callActivity('double', index));
  const results: number[] = yield context.df.Task.all(tasks);
  return results.reduce((sum, value) => sum + value, 0);
});

df.app.orchestration('parent', function* (context: Context) {
  const tasks = [1, 2, 3].map((value) => context.df.callSubOrchestrator('fanOut', value));
  return (yield context.df.Task.all(tasks)) as number[];
});

app.http('start', {
  route: 'start/{name}/{id?}',
  methods: ['POST'],
  extraInputs: [df.input.durableClient()],
  handler: async (request: HttpRequest, context: InvocationContext): Promise<HttpResponseInit> => {
    const client = df.getClient(context);
    const input: unknown = await request.json();
    const instanceId = request.params['id'];
    const id = await client.startNew(request.params['name'] ?? '', { input, ...(instanceId ? { instanceId } : {}) });
    return client.createCheckStatusResponse(request, id);
  },
});
