/** What the list of approvals shows. It is part of the address, so that users can share what they see. */
export interface ApprovalsFilter {
  /** Default: requests that wait for decisions. */
  readonly show?: 'valid' | 'closed';
  /** Only what the person asked for. */
  readonly isMine?: true;
}

/** @param query query string without `?`. Unknown parameters are ignored. */
export function parseApprovalsFilter(query: string): ApprovalsFilter {
  const given = new URLSearchParams(query);
  const show = (['valid', 'closed'] as const).find((known) => known === given.get('show'));
  return { ...(show === undefined ? {} : { show }), ...(given.get('mine') === 'true' ? { isMine: true } : {}) };
}

export function approvalsLink({ show, isMine }: ApprovalsFilter): string {
  const query = new URLSearchParams({
    ...(show === undefined ? {} : { show }),
    ...(isMine === true ? { mine: 'true' } : {}),
  });
  return query.size === 0 ? '#/approvals' : `#/approvals?${query.toString()}`;
}
