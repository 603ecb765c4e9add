/**
 * Exports traces to a collector of OpenTelemetry. The composition root loads it if an operator has named one. The exporter
 * reads its other variables itself, such as OTEL_EXPORTER_OTLP_HEADERS.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { type Context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { parseTraceParent, setGlobalErrorHandler } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { AlwaysOnSampler, BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { type Clock, hourMs } from './lib/core/clock.ts';
import { CodedError } from './lib/core/errors.ts';
import type { Logger } from './lib/core/log.ts';
import { asObject, defined } from './lib/core/objects.ts';
import type { SpanFacts, Spans } from './lib/core/spans.ts';

/** The part of the platform's invocation context that a span shows. */
interface Invocation {
  readonly functionName: string;
  readonly traceContext?: { readonly traceParent?: string | null | undefined } | undefined;
}

export interface Tracing extends Spans {
  /** Runs an invocation in a span of the trace that the host names. */
  invocation<T>(invocation: Invocation, work: () => Promise<T>): Promise<T>;
  /** Exports what is left, for at most three seconds. Never throws. */
  end(): Promise<void>;
}

/** A collector that is out of reach fails every few seconds. */
const warningPauseMs = hourMs;

/** The host soon kills a process that does not end. */
const endsWithinMs = 3_000;

/** Logs a failed export by its name and code. Its message and data may be what the collector has answered. */
function createWarning({ clock, log }: { readonly clock: Clock; readonly log: Logger }): (thrown: unknown) => void {
  let quietUntilMs = 0;
  return (thrown) => {
    const nowMs = clock.nowMs();
    if (nowMs < quietUntilMs) return;
    quietUntilMs = nowMs + warningPauseMs;
    const { code, message } = asObject(thrown);
    log.log('warn', 'trace.not_exported', { detail: `${nameOf(thrown)} ${String(code ?? message)}` });
  };
}

/** Exports every trace: a host that exports none itself says of each that it is not sampled. */
export function createTracing(deps: { readonly clock: Clock; readonly log: Logger }): Tracing {
  const warn = createWarning(deps);
  setGlobalErrorHandler(warn);
  const named = resourceFromAttributes({ 'service.name': 'partner-token-broker' });
  const provider = new TracerProvider({
    // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES come before.
    resource: named.merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter() })],
    sampler: new AlwaysOnSampler(),
  });
  const tracer = provider.getTracer('partner-token-broker');
  const current = new AsyncLocalStorage<Context>();

  async function inSpan<T>(
    name: string,
    { kind, parent, facts }: { readonly kind: SpanKind; readonly parent: Context; readonly facts: SpanFacts },
    work: () => Promise<T>,
    found: (result: T) => SpanFacts,
  ): Promise<T> {
    const span = tracer.startSpan(name, { kind, attributes: defined(facts) }, parent);
    try {
      const result = await current.run(trace.setSpan(parent, span), work);
      const more = found(result);
      span.setAttributes(defined(more));
      const isFailed = Number(more[status] ?? 0) >= (kind === SpanKind.CLIENT ? 400 : 500);
      if (isFailed || more['error.type'] !== undefined) span.setStatus({ code: SpanStatusCode.ERROR });
      return result;
    } catch (thrown) {
      // Without its message, which may name a tenant.
      span.setAttribute('error.type', thrown instanceof CodedError ? thrown.code : nameOf(thrown));
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw thrown;
    } finally {
      span.end();
    }
  }

  return {
    run: (name, facts, work, found = () => ({})) => {
      const kind = 'http.request.method' in facts ? SpanKind.CLIENT : SpanKind.INTERNAL;
      return inSpan(name, { kind, parent: current.getStore() ?? ROOT_CONTEXT, facts }, work, found);
    },
    invocation: ({ functionName, traceContext }, work) => {
      const remote = parseTraceParent(traceContext?.traceParent ?? '');
      const parent = remote === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, { ...remote, isRemote: true });
      return inSpan(functionName, { kind: SpanKind.SERVER, parent, facts: {} }, work, statusOf);
    },
    end: async () => {
      const ended = new AbortController();
      const late = deps.clock.sleep(endsWithinMs, ended.signal).catch(() => undefined);
      await Promise.race([provider.shutdown().catch(warn), late]);
      ended.abort();
    },
  };
}

const status = 'http.response.status_code';

/** The status of an answer, if the invocation has answered a request. */
function statusOf(result: unknown): SpanFacts {
  const { status: code } = asObject(result);
  return typeof code === 'number' ? { [status]: code } : {};
}

const nameOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.name : typeof thrown);
