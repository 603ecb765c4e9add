/** `contoso.sharepoint.com:/sites/hr:/drive`, also without what follows the second colon. */
const siteByPath = /^sites\/([^/:()]+):\/([^:]+)(?::(\/.*)?)?$/i;
const roleByTemplate = /^directoryRoles\/roleTemplateId='?([^/']+)'?(\/.*)?$/i;

/** A type without `microsoft.`, as the SDK for .NET writes it. An address such as `graph.user@contoso.com` is a key. */
const shortType = /(^|\/)graph\.(?=[\w.]+(?:\(|\/|$))/gi;

const quoted = (text: string): string => `('${text.replaceAll("'", "''")}')`;

/**
 * Writes types with their whole name, and the forms of a key that only some paths have as a key in parentheses.
 * @param written path without version.
 * Sources: "Get a site by path", "Get directoryRole".
 */
export function plainAddress(written: string): string {
  const path = written.replaceAll(shortType, '$1microsoft.graph.');
  const [, host, sitePath, afterSite = ''] = siteByPath.exec(path) ?? [];
  if (host !== undefined && sitePath !== undefined)
    return `sites${quoted(`${host}:/${sitePath.replace(/\/$/, '')}`)}${afterSite}`;
  const [, template, afterRole = ''] = roleByTemplate.exec(path) ?? [];
  return template === undefined ? path : `directoryRoles(roleTemplateId='${template}')${afterRole}`;
}
