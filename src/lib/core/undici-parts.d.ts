/*
 * The part of undici that is imported by file. Its index replaces the dispatcher behind the global `fetch` of Node, which the
 * rest of the app uses, as soon as it is loaded.
 */
declare module 'undici/lib/dispatcher/agent.js' {
  import { Agent } from 'undici';
  export default Agent;
}
