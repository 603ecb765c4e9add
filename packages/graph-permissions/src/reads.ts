/** The second part of a permission's name, `Read` in `User.Read.All`; '' without one. */
export function operationOf(permission: string): string {
  const start = permission.indexOf('.') + 1;
  const end = permission.indexOf('.', start);
  return start === 0 ? '' : permission.slice(start, end === -1 ? undefined : end);
}

/** Whether a permission's name says that it reads: `Read`, `ReadBasic`, `ReadForChat`, not `ReadWrite`. */
export function onlyReads(permission: string): boolean {
  const operation = operationOf(permission);
  return operation.startsWith('Read') && !operation.startsWith('ReadWrite');
}

/** POST requests that only read. A name that starts with `get` proves nothing: getPasswordSingleSignOnCredentials. */
const readingPosts: readonly RegExp[] = [
  /\/(?:getbyids|checkmember(?:groups|objects)|getmember(?:groups|objects)|validateproperties)$/,
  /\/(?:getavailableextensionproperties|getmailtips|getschedule|findmeetingtimes|translateexchangeids)$/,
  /\/getpresencesbyuserid$/,
  /^\/security\/(?:runhuntingquery|auditlog\/queries)$/,
  /^\/search\/query$/,
  /^\/identity\/conditionalaccess\/evaluate$/,
  /^\/devicemanagement\/reports\/(?:get|retrieve)[a-z0-9]+$/,
];

/** Whether a request only reads. @param path in lower case, without the version and without types, from the first slash. */
export const isRead = (method: string, path: string): boolean =>
  method === 'GET' || (method === 'POST' && readingPosts.some((known) => known.test(path)));
