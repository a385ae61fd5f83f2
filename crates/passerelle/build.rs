//! Makes Cargo look at the mapping packs, which are embedded in the binary.

fn main() {
    println!("cargo::rerun-if-changed=../../mappings");
}
