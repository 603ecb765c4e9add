/**
 * The part of the worker protocol (azure-functions-language-worker-protobuf) that passes between the host and
 * `@azure/functions`, with the names of its JavaScript rendering.
 */
import type { HostLogCategory, HostLogLevel } from '../options.ts';

/** A value in transit; the first defined member counts, none means undefined. */
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
  /** Absolute. */
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

export interface RpcHttpResponse {
  statusCode: string;
  headers: Record<string, string>;
  cookies?: RpcCookie[];
  body?: TypedData | null;
}

export type RpcHttp = Partial<RpcHttpRequest> &
  Partial<Omit<RpcHttpResponse, 'headers' | 'body'>> & {
    body?: TypedData | null;
  };

/** One binding of a function; what else the trigger's options hold is beside these. */
export interface Binding {
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
  /** -1: without end. */
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

export interface InvocationRequest {
  invocationId: string;
  functionId: string;
  inputData: NamedData[];
  triggerMetadata: Record<string, TypedData>;
  traceContext?: { traceParent: string };
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

export interface InvocationModel {
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

/** The trigger of a function with the name of its binding. */
export function triggerOf(metadata: FunctionMetadata): { name: string; binding: Binding } {
  for (const [name, binding] of Object.entries(metadata.bindings)) {
    if (/trigger$/i.test(binding.type)) return { name, binding };
  }
  throw new Error(`function "${metadata.name}" has no trigger`);
}
