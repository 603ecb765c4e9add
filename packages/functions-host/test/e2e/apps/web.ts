/** HTTP functions with every kind of route, and hooks. */
import { app, type HttpRequest, type HttpResponseInit, type InvocationContext } from '@azure/functions';

const describe = async (request: HttpRequest, context: InvocationContext): Promise<HttpResponseInit> => ({
  jsonBody: {
    name: context.functionName,
    method: request.method,
    url: request.url,
    params: request.params,
    query: Object.fromEntries(request.query),
    header: request.headers.get('x-test'),
    body: await request.text(),
  },
});

app.hook.preInvocation((context) => {
  context.hookData['started'] = true;
});
app.hook.postInvocation((context) => {
  const result = context.result as HttpResponseInit | undefined;
  if (result?.jsonBody && context.hookData['started']) result.headers = { 'x-hooked': 'yes' };
});

app.http('literal', { route: 'items/special', methods: ['GET'], handler: describe });
app.http('constrained', { route: 'items/{id:int:min(10)}', methods: ['GET'], handler: describe });
app.http('plain', { route: 'items/{id}', methods: ['GET', 'POST'], handler: describe });
app.http('rest', { route: 'files/{*path}', methods: ['GET'], handler: describe });
app.http('optional', { route: 'optional/{a}/{b?}', methods: ['GET'], handler: describe });
app.http('defaulted', { route: 'defaulted/{a=one}', methods: ['GET'], handler: describe });
app.http('mixed', { route: 'v{major:int}.{minor:int}/x', methods: ['GET'], handler: describe });
app.http('unnamedRoute', { handler: describe });
app.http('needsFunctionKey', { methods: ['GET'], authLevel: 'function', handler: describe });
app.http('needsMasterKey', { methods: ['GET'], authLevel: 'admin', handler: describe });
app.http('nothing', { methods: ['GET'], handler: () => undefined as unknown as HttpResponseInit });
app.http('throws', {
  methods: ['GET'],
  handler: (_request, context) => {
    context.log('two\nlines');
    throw new Error('a failing handler');
  },
});
app.http('cookies', {
  methods: ['GET'],
  handler: () => ({
    status: 201,
    headers: { 'x-answer': '42', 'content-type': 'text/plain' },
    cookies: [{ name: 'a', value: 'b c', httpOnly: true, secure: true, sameSite: 'Strict', maxAge: 60 }],
    body: new Uint8Array([1, 2, 3]),
  }),
});
app.http('uncaught', {
  methods: ['GET'],
  handler: () => {
    setTimeout(() => {
      throw new Error('after the response');
    });
    return { body: 'response' };
  },
});
