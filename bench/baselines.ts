/** Connection tracking alone: what every stateful filter pays. */
export const conntrackOnly = `table inet baseline
delete table inet baseline
table inet baseline { chain forward { type filter hook forward priority filter; policy drop;
  ct state vmap { established : accept, related : accept, invalid : drop }
  accept
}; }
`;

/** A receiver that drops at once, so that only the way to it is measured. */
export const sink = 'table ip sink { chain pre { type filter hook prerouting priority -400; policy drop; }; }\n';
