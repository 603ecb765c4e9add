/** Functions that report what the worker gives to an app: folder, contexts, hooks and log lines. */
import { appendFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { app, type HttpRequest, type HttpResponseInit, type InvocationContext } from '@azure/functions';

const note = (line: string): void => appendFileSync(process.env['NOTES_FILE'] ?? '/dev/null', `${line}\n`);

console.log('printed while loading');

app.hook.appStart((context) => {
  context.hookData['started'] = 'yes';
});
app.hook.appTerminate((context) => note(`terminated, started: ${String(context.hookData['started'])}`));
app.hook.postInvocation((context) => {
  const { error, result } = context as { error: unknown; result: unknown };
  note(
    `post ${context.invocationContext.functionName}: error ${String(error)}, result ${result === null ? 'null' : typeof result}`,
  );
});

const get = (name: string, handler: (request: HttpRequest, context: InvocationContext) => HttpResponseInit): void =>
  app.http(name, { methods: ['GET'], handler });

get('where', () => ({
  jsonBody: { folder: process.cwd(), setting: process.env['FUNCTIONS_APPLICATION_DIRECTORY'] },
}));
get('trace', (_request, context) => ({ jsonBody: context.traceContext }));
get('throws', () => {
  throw new Error('a failing handler');
});
get('late', (_request, context) => {
  context.log('in time');
  void delay(50).then(() => {
    context.error('too late: an error');
    note('late');
  });
  return { body: 'response' };
});
get('levels', (_request, context) => {
  context.debug('user debug');
  context.info('user information');
  context.warn('user warning');
  console.log('console output');
  console.error('console plain');
  console.error('console with a Warning');
  console.error('console that failed');
  return { body: 'response' };
});
get('my func!', () => ({ body: 'served' }));
get('off', () => ({ body: 'served' }));
get('alsoOff', () => ({ body: 'served' }));
get('stillOn', () => ({ body: 'served' }));
app.http('item', {
  route: 'items/{id}/{*rest}',
  methods: ['GET'],
  handler: (request) => ({ jsonBody: request.params }),
});
