//! Emulator
