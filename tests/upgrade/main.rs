//! Builds before and after this one on one ledger, and ledgers of builds long ago.

#[cfg(test)]
mod beside;
#[cfg(test)]
mod fleet;
#[cfg(test)]
mod locks;
#[cfg(test)]
mod oldest;
