'use strict';
// Azurite calls setup() only when telemetry is enabled; it never is here (--disableTelemetry).
module.exports = {};
