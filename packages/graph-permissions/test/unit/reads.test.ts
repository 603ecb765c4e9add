import { describe, expect, it } from 'vitest';
import { isRead, onlyReads, operationOf } from '../../src/reads.ts';

describe('operationOf', () => {
  it.each([
    ['User.Read.All', 'Read'],
    ['User.Read', 'Read'],
    ['RoleManagement.ReadWrite.Directory', 'ReadWrite'],
    ['Content.Process.User', 'Process'],
    ['openid', ''],
    ['', ''],
  ])('of %s is "%s"', (permission, expected) => {
    expect(operationOf(permission)).toBe(expected);
  });
});

describe('onlyReads', () => {
  it.each(['User.Read', 'User.ReadBasic.All', 'TeamsAppInstallation.ReadForChat', 'Policy.Read.All'])(
    'holds for %s',
    (permission) => {
      expect(onlyReads(permission)).toBe(true);
    },
  );

  it.each([
    'User.ReadWrite.All',
    'TeamsAppInstallation.ReadWriteForChat',
    'Mail.Send',
    'Read',
    'Group.Create',
    'Process.User.Read',
  ])('does not hold for %s', (permission) => {
    expect(onlyReads(permission)).toBe(false);
  });
});

describe('isRead', () => {
  it.each([
    ['GET', '/users'],
    ['GET', '/applications/1/addpassword'],
    ['POST', '/directoryobjects/getbyids'],
    ['POST', '/users/1/checkmembergroups'],
    ['POST', '/me/checkmemberobjects'],
    ['POST', '/users/1/getmembergroups'],
    ['POST', '/groups/1/getmemberobjects'],
    ['POST', '/directoryobjects/validateproperties'],
    ['POST', '/directoryobjects/getavailableextensionproperties'],
    ['POST', '/users/1/getmailtips'],
    ['POST', '/me/calendar/getschedule'],
    ['POST', '/me/findmeetingtimes'],
    ['POST', '/me/translateexchangeids'],
    ['POST', '/communications/getpresencesbyuserid'],
    ['POST', '/security/runhuntingquery'],
    ['POST', '/security/auditlog/queries'],
    ['POST', '/search/query'],
    ['POST', '/identity/conditionalaccess/evaluate'],
    ['POST', '/devicemanagement/reports/getcachedreport'],
    ['POST', '/devicemanagement/reports/retrievedevicewithappinstallation4'],
  ])('holds for %s %s', (method, path) => {
    expect(isRead(method, path)).toBe(true);
  });

  it.each([
    ['POST', '/users'],
    ['PATCH', '/users/1/checkmembergroups'],
    ['DELETE', '/security/runhuntingquery'],
    // A name that starts with "get" proves nothing.
    ['POST', '/serviceprincipals/1/getpasswordsinglesignoncredentials'],
    ['POST', '/users/1/getmailtipsandmore'],
    ['POST', '/users/checkmembergroups/1'],
    ['POST', '/users/1/xgetschedule'],
    ['POST', '/communications/getpresencesbyuserid/1'],
    ['POST', '/users/1/security/runhuntingquery'],
    ['POST', '/security/runhuntingquery/1'],
    ['POST', '/sites/1/search/query'],
    ['POST', '/search/query/1'],
    ['POST', '/x/identity/conditionalaccess/evaluate'],
    ['POST', '/identity/conditionalaccess/evaluate/1'],
    ['POST', '/x/devicemanagement/reports/getcachedreport'],
    ['POST', '/devicemanagement/reports/get'],
    ['POST', '/devicemanagement/reports/getcachedreport/delete'],
    ['POST', '/devicemanagement/reports/1'],
  ])('does not hold for %s %s', (method, path) => {
    expect(isRead(method, path)).toBe(false);
  });
});
