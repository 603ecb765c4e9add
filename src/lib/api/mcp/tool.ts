import type * as z from 'zod';
import type { CallerRole } from '../../core/caller.ts';
import type { JobRegistry } from '../../runs/job/job.ts';
import type { Clock } from '../../core/clock.ts';
import type { AuditEntry } from '../../audit/audit-log.ts';
import type { Ask } from './ask.ts';

/** What a tool may use. */
export interface ToolContext {
  readonly ask: Ask;
  readonly clock: Clock;
  readonly jobs: JobRegistry;
  /** What the client calls itself. */
  readonly client: string | undefined;
}

/** What a tool found, or why it failed. Data of customers and of the broker is marked alike. */
export type ToolResult<T = unknown> = {
  /** Sentences of the broker for whoever reads the data. They contain nothing from outside. */
  readonly notes?: readonly string[];
} & ({ readonly isError?: false; readonly data: T } | { readonly isError: true; readonly data: unknown });

/** What a call names: a tenant, a path at Microsoft Graph, a run. */
export type Named = Pick<AuditEntry, 'tenantAsked' | 'path' | 'run'>;

/** The audit log holds no queries of paths: they may name people. */
export const withoutQuery = (path: string): string => path.replace(/[?#].*$/s, '');

/** One tool of the MCP server. */
export interface Tool<I extends z.ZodObject = z.ZodObject, O extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** The app roles of the route that the tool stands for; one of them suffices. The route itself checks it. */
  readonly roles: readonly CallerRole[];
  readonly input: I;
  /** Of `data`. */
  readonly output: O;
  /** Whether the tool starts nothing (`readOnlyHint`). No tool deletes or overwrites anything. */
  readonly onlyReads: boolean;
  /** What the call names, for its record. */
  readonly about?: (input: z.output<I>) => Named;
  /** @throws BrokerError */
  run(input: z.output<I>, context: ToolContext): Promise<ToolResult<z.input<O>>>;
}

/** Keeps the types of input and output between the parts of a declaration. */
export const defineTool = <I extends z.ZodObject, O extends z.ZodObject>(tool: Tool<I, O>): Tool => tool;
