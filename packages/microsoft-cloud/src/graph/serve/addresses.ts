/** `contoso.sharepoint.com:/sites/hr:/drive`, also without what follows the second colon. */
const siteByPath = /^sites\/([^/:()]+):\/([^:]+)(?::(\/.*)?)?$/i;
const roleByTemplate = /^directoryRoles\/roleTemplateId='?([^/']+)'?(\/.*)?$/i;

const quoted = (text: string): string => `('${text.replaceAll("'", "''")}')`;

/**
 * Writes the forms of a key that only some paths have as a key in parentheses. @param path without version.
 * Sources: "Get a site by path", "Get directoryRole".
 */
export function plainAddress(path: string): string {
  const [, host, sitePath, afterSite = ''] = siteByPath.exec(path) ?? [];
  if (host !== undefined && sitePath !== undefined)
    return `sites${quoted(`${host}:/${sitePath.replace(/\/$/, '')}`)}${afterSite}`;
  const [, template, afterRole = ''] = roleByTemplate.exec(path) ?? [];
  return template === undefined ? path : `directoryRoles(roleTemplateId='${template}')${afterRole}`;
}
