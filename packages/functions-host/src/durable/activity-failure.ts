import type { TaskOutcome } from './instance.ts';

/** The library's JSON of an error. It uses this format if the app has set an exception properties provider. */
interface StructuredFailure {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly stackTrace?: string;
  readonly isNonRetriable?: boolean;
  readonly properties?: unknown;
}

/** The failure as the platform reports it: a message, and the exception as JSON, which the history keeps. */
export function activityFailure(name: string, error: Error): TaskOutcome & { ok: false } {
  const structured = structuredFailure(error.message);
  const reason = `Activity function '${name}' failed: ${structured?.errorMessage ?? error.message}`;
  if (!structured) return { ok: false, reason, details: exceptionJson(error) };
  return {
    ok: false,
    reason,
    details: structured.stackTrace ?? '',
    failureDetails: {
      ErrorType: structured.errorType,
      ErrorMessage: structured.errorMessage,
      StackTrace: structured.stackTrace ?? null,
      IsNonRetriable: structured.isNonRetriable ?? false,
      Properties: structured.properties ?? null,
      InnerFailure: null,
    },
  };
}

/** `COR_E_EXCEPTION`, the HResult of an exception without one of its own. */
const hResult = -2_146_233_088;

/** An error of the worker as the .NET host serializes it: an exception around the RpcException with the stack. */
function exceptionJson(error: Error): string {
  const exception = (type: string, assembly: string, message: string, inner: object | null): object => ({
    $type: `${type}, ${assembly}`,
    ClassName: type,
    Message: message,
    Data: null,
    InnerException: inner,
    HelpURL: null,
    StackTraceString: null,
    RemoteStackTraceString: null,
    RemoteStackIndex: 0,
    ExceptionMethod: null,
    HResult: hResult,
    Source: null,
    WatsonBuckets: null,
  });
  const rpcException = exception(
    'Microsoft.Azure.WebJobs.Script.Workers.Rpc.RpcException',
    'Microsoft.Azure.WebJobs.Script',
    `Result: Failure\nException: ${error.message}\nStack: ${error.stack ?? ''}`,
    null,
  );
  return JSON.stringify(exception('System.Exception', 'System.Private.CoreLib', error.message, rpcException));
}

function structuredFailure(message: string): StructuredFailure | undefined {
  if (!message.startsWith('{')) return undefined;
  try {
    const value = JSON.parse(message) as Partial<StructuredFailure>;
    const complete = typeof value.errorType === 'string' && typeof value.errorMessage === 'string';
    return complete ? (value as StructuredFailure) : undefined;
  } catch {
    return undefined;
  }
}
