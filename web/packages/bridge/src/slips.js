// The RFC writes some names in more than one way. Those that are slips of its pen are here,
// each one line, and work as what they mean.
export function slips(egress, remote) {
  egress.domainsDomains = egress.domains;
  const all = { egress: Object.freeze(egress), remote: Object.freeze(remote) };
  all.dynamicEgress = () => ({ addDomain: (domain, options) => egress.requestDomains([domain], options), ...egress });
  all.dynamicRemotes = () => ({ ...remote });
  return Object.freeze(all);
}
