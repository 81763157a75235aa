//! The reading room alone, for this crate's tests: what the program's hidden subcommand does.

#[global_allocator]
static ALLOCATOR: vault::wiping_alloc::WipingAlloc = vault::wiping_alloc::WipingAlloc;

fn main() -> std::process::ExitCode {
    match vault::room::serve::serve(std::io::stdin(), &mut std::io::stdout()) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(_) => std::process::ExitCode::FAILURE,
    }
}
