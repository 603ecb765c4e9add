/*
 * Parts of undici that are imported by file. Its index replaces the dispatcher behind the global `fetch` of Node, which the
 * rest of the app uses, as soon as it is loaded.
 */
declare module 'undici/lib/dispatcher/agent.js' {
  import { Agent } from 'undici';
  export default Agent;
}

declare module 'undici/lib/api/api-request.js' {
  import type { Dispatcher } from 'undici';
  const request: (this: Dispatcher, options: Dispatcher.RequestOptions) => Promise<Dispatcher.ResponseData>;
  export default request;
}
