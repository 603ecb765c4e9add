/**
 * The messages of the worker protocol (azure-functions-language-worker-protobuf) that the host and `@azure/functions`
 * exchange, with the field names that JavaScript uses.
 */
import type { HostLogCategory, HostLogLevel } from '../runtime/host-log.ts';

/** A transferred value. The first defined member counts; without one the value is undefined. */
export interface TypedData {
  string?: string;
  json?: string;
  bytes?: Uint8Array;
  http?: RpcHttp;
  int?: number;
  double?: number;
}

export interface RpcHttpRequest {
  method: string;
  /** Absolute URL. */
  url: string;
  headers: Record<string, string>;
  query: Record<string, string>;
  params: Record<string, string>;
  body?: { bytes: Uint8Array };
}

interface Nullable<T> {
  value?: T;
}

export interface RpcCookie {
  name: string;
  value: string;
  domain?: Nullable<string>;
  path?: Nullable<string>;
  expires?: Nullable<{ seconds: number }>;
  secure?: Nullable<boolean>;
  httpOnly?: Nullable<boolean>;
  maxAge?: Nullable<number>;
  sameSite?: 'none' | 'lax' | 'strict' | 'explicitNone';
}

interface RpcHttpResponse {
  statusCode: string;
  headers: Record<string, string>;
  cookies?: RpcCookie[];
  body?: TypedData | null;
}

export type RpcHttp = Partial<RpcHttpRequest> &
  Partial<Omit<RpcHttpResponse, 'headers' | 'body'>> & {
    body?: TypedData | null;
  };

/** One binding of a function. Further options of the trigger or binding are members of the same object. */
interface Binding {
  readonly type: string;
  readonly direction?: string;
  readonly [option: string]: unknown;
}

export interface RpcDuration {
  seconds?: number;
  nanos?: number;
}

export interface RetryPolicy {
  readonly retryStrategy?: 'fixedDelay' | 'exponentialBackoff';
  /** -1 means no limit. */
  readonly maxRetryCount?: number;
  readonly delayInterval?: RpcDuration;
  readonly minimumInterval?: RpcDuration;
  readonly maximumInterval?: RpcDuration;
}

export interface FunctionMetadata {
  readonly name: string;
  readonly bindings: Readonly<Record<string, Binding>>;
  readonly retryOptions?: RetryPolicy;
}

export interface NamedData {
  name: string;
  data: TypedData;
}

export interface RpcRetryContext {
  retryCount: number;
  maxRetryCount: number;
  exception?: { message: string; stackTrace?: string } | undefined;
}

/** W3C Trace Context. */
export interface TraceContext {
  traceParent: string;
  traceState: string;
  attributes: Record<string, string>;
}

export interface InvocationRequest {
  invocationId: string;
  functionId: string;
  inputData: NamedData[];
  triggerMetadata: Record<string, TypedData>;
  traceContext: TraceContext;
  retryContext?: RpcRetryContext;
}

export interface InvocationResponse {
  invocationId: string;
  outputData?: NamedData[];
  returnValue?: TypedData | null;
}

export type FunctionCallback = (...args: unknown[]) => unknown;

export interface CoreInvocationContext {
  readonly invocationId: string;
  readonly request: InvocationRequest;
  readonly metadata: FunctionMetadata;
  state?: 'preInvocationHooks' | 'invocation' | 'postInvocationHooks' | undefined;
  log(level: HostLogLevel, category: HostLogCategory, message: string): void;
}

interface InvocationModel {
  getArguments(): Promise<{ context: unknown; inputs: unknown[] }>;
  invokeFunction(context: unknown, inputs: unknown[], callback: FunctionCallback): Promise<unknown>;
  getResponse(context: unknown, result: unknown): Promise<InvocationResponse>;
}

export interface ProgrammingModel {
  readonly name: string;
  readonly version: string;
  getInvocationModel(context: CoreInvocationContext): InvocationModel;
  getCapabilities?(defaults: Record<string, string>): Promise<Record<string, string>>;
}

export type HookCallback = (context: Record<string, unknown>) => unknown;
export const hookNames = ['appStart', 'appTerminate', 'preInvocation', 'postInvocation', 'log'] as const;
export type HookName = (typeof hookNames)[number];

/** The trigger of a function with the name of its binding. @throws Error when the function has no trigger. */
export function triggerOf(metadata: FunctionMetadata): { name: string; binding: Binding } {
  for (const [name, binding] of Object.entries(metadata.bindings)) {
    if (/trigger$/i.test(binding.type)) return { name, binding };
  }
  throw new Error(`function "${metadata.name}" has no trigger`);
}

/** The return value of a function as JSON text; `null` if there is none. */
export function resultJson(value: TypedData | null | undefined): string {
  if (!value) return 'null';
  if (value.json !== undefined) return value.json;
  if (value.string !== undefined) return JSON.stringify(value.string);
  if (value.bytes !== undefined) return JSON.stringify(Buffer.from(value.bytes).toString('base64'));
  return JSON.stringify(value.int ?? value.double ?? null);
}
