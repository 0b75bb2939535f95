//! Fleets on the simulator: promises 1 to 4 and 7 under everything that can go wrong, from seeds.

mod planted;
mod replay;
mod seeds;
