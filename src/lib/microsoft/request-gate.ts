/** A request that a client is about to send. */
interface GatedRequest {
  /** Path and query with the version, below the base address: `/v1.0/users?$top=5`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What the first request selected, if this one follows a link of its answer. */
  readonly selected?: readonly string[] | undefined;
}

/** A request that may be sent. */
export interface AdmittedRequest {
  /** To send in place of the path that was asked for. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** For the requests that follow links of the answer. */
  readonly selected: readonly string[];
  /** The part of an answer's value that the requester may see. */
  readonly visible: (value: unknown) => unknown;
}

/** Decides whether a client may read something. */
export interface RequestGate {
  /** @throws BrokerError with the reason if the request may not be sent. */
  admit(request: GatedRequest): Promise<AdmittedRequest>;
}

/** Admits every request as it is. */
export const openGate: RequestGate = {
  admit: async ({ path, headers, selected = [] }) => ({ path, headers, selected, visible: (value) => value }),
};
