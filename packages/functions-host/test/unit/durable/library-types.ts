import type * as df from 'durable-functions';

export type { OrchestrationContext, Task } from 'durable-functions';
/** The part of an orchestration context that creates tasks. */
export type Context = Pick<df.OrchestrationContext, 'df'>;
