//! Writes what tonic makes of the example's .proto files to `examples/grpc/generated`. With `--check` it writes nothing, and fails where
//! that is not what is there.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;

/// What stands on top of each file.
const HEADER: &str =
    "// Made from the .proto files by `cargo run --manifest-path tests/protobuf/Cargo.toml`. Change those instead.\n\n";
const PROTOS: [&str; 2] = ["orders.proto", "stock.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    let checks = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--check") => true,
        Some(other) => return Err(format!("{other} is not an option: there is only --check").into()),
    };
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/grpc");
    let there = example.join("generated");
    let made = generate(&example)?;
    if !checks {
        for (name, text) in &made {
            fs::write(there.join(name), text)?;
        }
        return Ok(());
    }
    let mut names: Vec<_> =
        fs::read_dir(&there)?.map(|entry| Ok(entry?.file_name())).collect::<Result<_, std::io::Error>>()?;
    names.sort();
    if !names.iter().eq(made.iter().map(|(name, _)| name.as_str())) {
        return Err(format!("{names:?} are in {}, other than what is made", there.display()).into());
    }
    for (name, text) in &made {
        if fs::read_to_string(there.join(name))? != *text {
            return Err(format!("{name} is not what the .proto files make: run this without --check").into());
        }
    }
    Ok(())
}

/// The files by their names, in order.
fn generate(example: &Path) -> Result<Vec<(String, String)>, Box<dyn Error>> {
    let out = Directory::new()?;
    let descriptors = protox::compile(PROTOS, [example])?;
    tonic_prost_build::configure().out_dir(&out.0).emit_rerun_if_changed(false).compile_fds(descriptors)?;
    let mut made = Vec::new();
    for entry in fs::read_dir(&out.0)? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|name| format!("{} is an odd name", name.display()))?;
        made.push((name, format!("{HEADER}{}", fs::read_to_string(entry.path())?)));
    }
    made.sort();
    Ok(made)
}

/// A directory that is there as long as this lives.
struct Directory(PathBuf);

impl Directory {
    fn new() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("tower-bearer-protobuf-{}", process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
