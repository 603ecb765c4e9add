import { randomBytes } from 'node:crypto';
import type { TraceContext } from './rpc.ts';

/** The headers of W3C Trace Context that a request carries. */
export interface IncomingTrace {
  readonly traceParent: string | undefined;
  readonly traceState: string | undefined;
}

const traceParentFormat = /^00-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})$/;

/** The trace context of an invocation: a new span of the incoming trace, or of a new trace. */
export function newTraceContext(incoming?: IncomingTrace): TraceContext {
  const [, traceId, flags] = traceParentFormat.exec(incoming?.traceParent ?? '') ?? [];
  const spanId = randomBytes(8).toString('hex');
  return {
    traceParent: `00-${traceId ?? randomBytes(16).toString('hex')}-${spanId}-${flags ?? '00'}`,
    traceState: traceId === undefined ? '' : (incoming?.traceState ?? ''),
    attributes: {},
  };
}
