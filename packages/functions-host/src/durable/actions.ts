/** The actions that an orchestrator requests, in the JSON format of `durable-functions` 3 (replay schemas V2 to V4). */

export interface RetryOptions {
  readonly firstRetryIntervalInMilliseconds: number;
  readonly maxNumberOfAttempts: number;
  readonly backoffCoefficient?: number | null;
  readonly maxRetryIntervalInMilliseconds?: number | null;
  readonly retryTimeoutInMilliseconds?: number | null;
}

export interface DurableHttpRequest {
  readonly method: string;
  readonly uri: string;
  readonly content?: string | null;
  readonly headers?: Readonly<Record<string, string>> | null;
  readonly tokenSource?: unknown;
  readonly asynchronousPatternEnabled?: boolean;
}

interface EntityAction {
  readonly instanceId: string;
  readonly operation: string;
  readonly input?: unknown;
}

interface SubOrchestratorAction {
  readonly functionName: string;
  readonly instanceId?: string | null;
  readonly input?: unknown;
  readonly version?: string | null;
}

/** An action without children. The numbers are `ActionType` of the library. */
export type LeafAction =
  | { readonly actionType: 0; readonly functionName: string; readonly input?: unknown }
  | {
      readonly actionType: 1;
      readonly functionName: string;
      readonly input?: unknown;
      readonly retryOptions: RetryOptions;
    }
  | ({ readonly actionType: 2 } & SubOrchestratorAction)
  | ({ readonly actionType: 3; readonly retryOptions: RetryOptions } & SubOrchestratorAction)
  | { readonly actionType: 4; readonly input?: unknown }
  | { readonly actionType: 5; readonly fireAt: string; readonly isCanceled: boolean }
  | { readonly actionType: 6; readonly externalEventName: string }
  | ({ readonly actionType: 7 } & EntityAction)
  | { readonly actionType: 8; readonly httpRequest: DurableHttpRequest }
  | ({ readonly actionType: 9 } & EntityAction)
  | {
      readonly actionType: 13;
      readonly lockSet: readonly { name: string; key: string }[];
      readonly lockRequestId: string;
    }
  | { readonly actionType: 14 };

interface CompoundAction {
  readonly actionType: 11 | 12;
  readonly compoundActions: readonly Action[];
}

type Action = LeafAction | CompoundAction;

/** The result of one replay. */
export interface OrchestratorState {
  readonly isDone: boolean;
  readonly actions: readonly (readonly Action[])[];
  readonly output?: unknown;
  readonly customStatus?: unknown;
  readonly error?: string;
  readonly failureDetails?: unknown;
}

const isCompound = (action: Action): action is CompoundAction => action.actionType === 11 || action.actionType === 12;

/** All actions since the start, in the order in which the library assigns task ids: compound actions depth first. */
export function flattenActions(state: OrchestratorState): LeafAction[] {
  const leaves: LeafAction[] = [];
  const visit = (action: Action): void => {
    if (isCompound(action)) action.compoundActions.forEach(visit);
    else leaves.push(action);
  };
  for (const list of state.actions) list.forEach(visit);
  return leaves;
}

const failureLabel = '\n\n$OutOfProcData$:';

/** The state that the library appends to the error message of a failing orchestrator, or undefined without one. */
export function stateOfFailure(message: string): OrchestratorState | undefined {
  const at = message.lastIndexOf(failureLabel);
  if (at === -1) return undefined;
  try {
    return JSON.parse(message.slice(at + failureLabel.length)) as OrchestratorState;
  } catch {
    return undefined;
  }
}

/**
 * Returns the first task that orchestrator code yielded in two different places. The platform schedules such a task
 * again (azure-functions-durable-js issue 574): ids shift and later results reach the wrong task. Waiting twice for an
 * event is harmless.
 * @param rawState the library's own object. The check compares object identities, which JSON does not preserve.
 */
export function repeatedAction(rawState: unknown): LeafAction | undefined {
  const seen = new Set<LeafAction>();
  const find = (action: Action): LeafAction | undefined => {
    if (isCompound(action)) {
      for (const child of action.compoundActions) {
        const found = find(child);
        if (found) return found;
      }
      return undefined;
    }
    if (seen.has(action) && action.actionType !== 6) return action;
    seen.add(action);
    return undefined;
  };
  const actions = (rawState as Partial<OrchestratorState> | undefined)?.actions;
  if (!Array.isArray(actions)) return undefined;
  for (const action of (actions as Action[][]).flat()) {
    const found = find(action);
    if (found) return found;
  }
  return undefined;
}
